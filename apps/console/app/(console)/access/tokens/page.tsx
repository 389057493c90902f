import { TokensScreen } from '../../../../features/access/tokens-screen.tsx';

export default function TokensPage() {
  return <TokensScreen />;
}
