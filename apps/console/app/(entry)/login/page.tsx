import { Suspense } from 'react';

import { LoginScreen } from '../../../features/setup/login-screen.tsx';

export default function LoginPage() {
  return (
    <Suspense>
      <LoginScreen />
    </Suspense>
  );
}
