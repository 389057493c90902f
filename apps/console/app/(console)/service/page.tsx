import { ServiceScreen } from '../../../features/service/service-screen.tsx';

export default function ServicePage() {
  return <ServiceScreen />;
}
