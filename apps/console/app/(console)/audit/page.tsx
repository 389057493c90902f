import { AuditScreen } from '../../../features/history/audit-screen.tsx';

export default function AuditPage() {
  return <AuditScreen />;
}
