import { StacksScreen } from '../../../features/stacks/stacks-screen.tsx';

export default function StacksPage() {
  return <StacksScreen />;
}
