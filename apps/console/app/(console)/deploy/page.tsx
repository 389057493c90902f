import { DeployScreen } from '../../../features/deploy/deploy-screen.tsx';

export default function DeployPage() {
  return <DeployScreen />;
}
