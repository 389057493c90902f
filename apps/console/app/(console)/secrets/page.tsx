import { PayloadsScreen } from '../../../features/payloads/payloads-screen.tsx';

export default function SecretsPage() {
  return <PayloadsScreen kind="secret" />;
}
