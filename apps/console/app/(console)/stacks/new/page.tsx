import { NewStackScreen } from '../../../../features/stacks/new-stack-screen.tsx';

export default function NewStackPage() {
  return <NewStackScreen />;
}
