import { EventsScreen } from '../../../features/history/events-screen.tsx';

export default function EventsPage() {
  return <EventsScreen />;
}
