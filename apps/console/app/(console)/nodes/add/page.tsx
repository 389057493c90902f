import { AddNodeScreen } from '../../../../features/nodes/add-node-screen.tsx';

export default function AddNodePage() {
  return <AddNodeScreen />;
}
