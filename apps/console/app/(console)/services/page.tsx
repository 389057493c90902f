import { ServicesScreen } from '../../../features/services/services-screen.tsx';

export default function ServicesPage() {
  return <ServicesScreen />;
}
