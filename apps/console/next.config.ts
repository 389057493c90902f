import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { NextConfig } from 'next';

const SOURCE_FOLDERS = ['app', 'api', 'edit', 'features', 'i18n', 'live', 'logs', 'messages', 'styles', 'ui'];

function filesUnder(folder: string): string[] {
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
    .flatMap((path) => (statSync(path).isDirectory() ? filesUnder(path) : [path]));
}

/** The build is named after its sources: equal sources give an equal name on every machine. */
function buildName(): string {
  const hash = createHash('sha256');
  for (const folder of SOURCE_FOLDERS) {
    for (const path of filesUnder(join(import.meta.dirname, folder))) {
      hash.update(readFileSync(path));
    }
  }
  return hash.digest('hex').slice(0, 12);
}

const build = buildName();

const config: NextConfig = {
  output: 'export',
  images: { unoptimized: true },
  reactStrictMode: true,
  poweredByHeader: false,
  typescript: { ignoreBuildErrors: true },
  turbopack: { root: join(import.meta.dirname, '../..') },
  generateBuildId: () => build,
  env: { CONSOLE_BUILD: build },
  devIndicators: false,
  experimental: { optimizePackageImports: ['radix-ui', 'lucide-react'] },
};

export default config;
