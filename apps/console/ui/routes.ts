type Query = Readonly<Record<string, string | undefined>>;

function url(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') {
      search.set(key, value);
    }
  }
  const text = search.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** The only place where the console's addresses are made. Pages are static; what they show is in the query. */
export const routes = {
  overview: () => url('/'),
  login: (query: { readonly next?: string } = {}) => url('/login', query),
  setup: () => url('/setup'),
  services: (query: { readonly q?: string } = {}) => url('/services', query),
  service: (query: { readonly name: string; readonly tab?: string }) => url('/service', query),
  deploy: () => url('/deploy'),
  editService: (query: { readonly name: string }) => url('/deploy', { service: query.name }),
  task: (query: { readonly id: string; readonly tab?: string }) => url('/task', query),
  stacks: () => url('/stacks'),
  stack: (query: { readonly name: string; readonly tab?: string }) => url('/stack', query),
  newStack: (query: { readonly from?: string } = {}) => url('/stacks/new', query),
  nodes: () => url('/nodes'),
  node: (query: { readonly name: string; readonly tab?: string }) => url('/node', query),
  addNode: () => url('/nodes/add'),
  networks: () => url('/networks'),
  secrets: () => url('/secrets'),
  configs: () => url('/configs'),
  events: (query: { readonly q?: string } = {}) => url('/events', query),
  audit: () => url('/audit'),
  tokens: () => url('/access/tokens'),
  me: () => url('/me'),
} as const;
