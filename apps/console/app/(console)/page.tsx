import { OverviewScreen } from '../../features/overview/overview-screen.tsx';

export default function OverviewPage() {
  return <OverviewScreen />;
}
