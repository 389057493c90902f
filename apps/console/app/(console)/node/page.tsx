import { NodeScreen } from '../../../features/nodes/node-screen.tsx';

export default function NodePage() {
  return <NodeScreen />;
}
