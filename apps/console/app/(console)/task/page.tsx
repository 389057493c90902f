import { TaskScreen } from '../../../features/task/task-screen.tsx';

export default function TaskPage() {
  return <TaskScreen />;
}
