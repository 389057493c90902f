import { NodesScreen } from '../../../features/nodes/nodes-screen.tsx';

export default function NodesPage() {
  return <NodesScreen />;
}
