import { NetworksScreen } from '../../../features/networks/networks-screen.tsx';

export default function NetworksPage() {
  return <NetworksScreen />;
}
