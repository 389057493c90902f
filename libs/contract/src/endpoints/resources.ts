import { z } from 'zod';

import { CONFIG_BYTES_MAX, ConfigSpec, Labels, NetworkSpec, SECRET_BYTES_MAX, SecretSpec } from '@skep/model';

import { endpoint } from '../endpoint.ts';
import { QueryList, Ref, Removed, Version, changed, listShape, page } from '../query.ts';
import { ConfigDataView, ConfigView, NetworkView, SecretView } from '../views.ts';

const stackFilter = { stack: z.string().max(63).optional() };
const VersionQuery = z.strictObject({ version: Version.optional() });

/** Bytes in base64 (RFC 4648 section 4). The size limit is that of the decoded bytes, exclusive as in Swarm. */
function base64Data(what: string, bytesMax: number): z.ZodString {
  return z
    .string()
    .regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'data must be base64')
    .refine((text) => decodedBytes(text) > 0, `${what} data must not be empty`)
    .refine(
      (text) => decodedBytes(text) < bytesMax,
      `${what} data must be smaller than ${String(bytesMax)} bytes`,
    );
}

function decodedBytes(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}

export const networkEndpoints = {
  listNetworks: endpoint({
    method: 'GET',
    path: '/networks',
    tag: 'networks',
    summary: 'Cluster networks',
    access: 'network.read',
    query: z.strictObject({ ...listShape, ...stackFilter, driver: QueryList.optional() }),
    response: page(NetworkView),
  }),
  createNetwork: endpoint({
    method: 'POST',
    path: '/networks',
    tag: 'networks',
    summary: 'Create a cluster network',
    access: 'network.write',
    status: 201,
    body: NetworkSpec,
    response: changed(NetworkView),
    example: { name: 'front', driver: 'overlay', attachable: true },
  }),
  getNetwork: endpoint({
    method: 'GET',
    path: '/networks/:network',
    tag: 'networks',
    summary: 'One network, by id or name',
    access: 'network.read',
    params: z.strictObject({ network: Ref }),
    response: NetworkView,
  }),
  removeNetwork: endpoint({
    method: 'DELETE',
    path: '/networks/:network',
    tag: 'networks',
    summary: 'Remove a network that no service uses',
    access: 'network.write',
    params: z.strictObject({ network: Ref }),
    response: Removed,
  }),
};

export const secretEndpoints = {
  listSecrets: endpoint({
    method: 'GET',
    path: '/secrets',
    tag: 'secrets',
    summary: 'Names and labels of secrets; their data cannot be read',
    access: 'secret.read',
    query: z.strictObject({ ...listShape, ...stackFilter }),
    response: page(SecretView),
  }),
  createSecret: endpoint({
    method: 'POST',
    path: '/secrets',
    tag: 'secrets',
    summary: 'Create a secret from base64 data',
    access: 'secret.write',
    status: 201,
    body: z.strictObject({ ...SecretSpec.shape, data: base64Data('secret', SECRET_BYTES_MAX) }),
    response: changed(SecretView),
    example: { name: 'db_password', data: 'czNjcjN0' },
  }),
  getSecret: endpoint({
    method: 'GET',
    path: '/secrets/:secret',
    tag: 'secrets',
    summary: 'One secret without its data, by id or name',
    access: 'secret.read',
    params: z.strictObject({ secret: Ref }),
    response: SecretView,
  }),
  patchSecret: endpoint({
    method: 'PATCH',
    path: '/secrets/:secret',
    tag: 'secrets',
    summary: 'Replace the labels of a secret; nothing else of it can change',
    access: 'secret.write',
    params: z.strictObject({ secret: Ref }),
    query: VersionQuery,
    body: z.strictObject({ labels: Labels }),
    response: changed(SecretView),
    example: { labels: { team: 'shop' } },
  }),
  removeSecret: endpoint({
    method: 'DELETE',
    path: '/secrets/:secret',
    tag: 'secrets',
    summary: 'Remove a secret that no service uses',
    access: 'secret.write',
    params: z.strictObject({ secret: Ref }),
    response: Removed,
  }),
};

export const configEndpoints = {
  listConfigs: endpoint({
    method: 'GET',
    path: '/configs',
    tag: 'configs',
    summary: 'Names and labels of configs',
    access: 'config.read',
    query: z.strictObject({ ...listShape, ...stackFilter }),
    response: page(ConfigView),
  }),
  createConfig: endpoint({
    method: 'POST',
    path: '/configs',
    tag: 'configs',
    summary: 'Create a config from base64 data',
    access: 'config.write',
    status: 201,
    body: z.strictObject({ ...ConfigSpec.shape, data: base64Data('config', CONFIG_BYTES_MAX) }),
    response: changed(ConfigView),
    example: { name: 'nginx_conf', data: 'ZXZlbnRzIHt9' },
  }),
  getConfig: endpoint({
    method: 'GET',
    path: '/configs/:config',
    tag: 'configs',
    summary: 'One config with its data in base64, by id or name',
    access: 'config.read',
    params: z.strictObject({ config: Ref }),
    response: ConfigDataView,
  }),
  patchConfig: endpoint({
    method: 'PATCH',
    path: '/configs/:config',
    tag: 'configs',
    summary: 'Replace the labels of a config; nothing else of it can change',
    access: 'config.write',
    params: z.strictObject({ config: Ref }),
    query: VersionQuery,
    body: z.strictObject({ labels: Labels }),
    response: changed(ConfigView),
    example: { labels: { team: 'shop' } },
  }),
  removeConfig: endpoint({
    method: 'DELETE',
    path: '/configs/:config',
    tag: 'configs',
    summary: 'Remove a config that no service uses',
    access: 'config.write',
    params: z.strictObject({ config: Ref }),
    response: Removed,
  }),
};
