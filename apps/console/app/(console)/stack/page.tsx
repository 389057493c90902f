import { StackScreen } from '../../../features/stacks/stack-screen.tsx';

export default function StackPage() {
  return <StackScreen />;
}
