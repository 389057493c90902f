import { SetupScreen } from '../../../features/setup/setup-screen.tsx';

export default function SetupPage() {
  return <SetupScreen />;
}
