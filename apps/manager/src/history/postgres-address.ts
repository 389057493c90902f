import { Client, type ClientConfig } from 'pg';

/** A statement that takes longer is given up: the database counts as not answering then. */
const QUERY_MS_MAX = 5000;

/** Where a PostgreSQL server answers: a URL, or the folder of its unix socket. */
export type PostgresAddress =
  { readonly url: string } | { readonly host: string; readonly user: string; readonly database: string };

export function toClientConfig(address: PostgresAddress): ClientConfig {
  const limits = {
    connectionTimeoutMillis: 3000,
    query_timeout: QUERY_MS_MAX,
    statement_timeout: QUERY_MS_MAX,
  };
  return 'url' in address
    ? { connectionString: address.url, ...limits }
    : { ...address, port: 5432, ...limits };
}

/** A connected client. The caller ends it. */
export async function connect(address: PostgresAddress): Promise<Client> {
  const client = new Client(toClientConfig(address));
  // A server that goes away between queries is noticed by the next query.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Whether the server accepts connections. */
export async function canConnect(address: PostgresAddress): Promise<boolean> {
  const client = new Client(toClientConfig(address));
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
