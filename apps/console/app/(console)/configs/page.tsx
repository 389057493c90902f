import { PayloadsScreen } from '../../../features/payloads/payloads-screen.tsx';

export default function ConfigsPage() {
  return <PayloadsScreen kind="config" />;
}
