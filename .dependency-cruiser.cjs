// The layers of docs/architecture.md as rules: imports go downward only.
const pure = ['raft', 'store', 'orchestrator', 'compose', 'contract', 'docker-api', 'wire'];

/** A package may import only the packages named beside it (and npm packages). */
const mayImport = {
  'libs/kernel': [],
  'libs/model': ['kernel'],
  'libs/raft': ['kernel'],
  'libs/store': ['kernel', 'model'],
  'libs/orchestrator': ['kernel', 'model', 'store'],
  'libs/compose': ['kernel', 'model'],
  'libs/contract': ['kernel', 'model'],
  'libs/docker-api': ['kernel', 'model'],
  'libs/wire': ['kernel', 'model'],
  'libs/oci': ['kernel'],
  'libs/controlplane': ['kernel', 'model', 'raft', 'store', 'orchestrator', 'wire'],
  // It drives the agent's worker as well; see sim-imports-the-worker-only.
  'libs/sim': ['kernel', 'model', 'raft', 'store', 'orchestrator', 'wire', 'controlplane', 'agent'],
  agent: ['kernel', 'model', 'wire', 'oci', 'docker-api', 'contract'],
  'apps/manager': ['kernel', 'model', 'contract', 'compose', 'controlplane'],
  'apps/cli': ['kernel', 'model', 'contract', 'compose'],
  'apps/console': ['contract', 'model', 'compose'],
  'docker-dev': ['kernel', 'model', 'contract', 'oci'],
};
const folderOf = (name) => (name === 'agent' ? name : `libs/${name}`);
const allFolders = [...Object.keys(mayImport), 'tests', 'tools'];
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const layerRules = Object.entries(mayImport).map(([from, names]) => {
  const allowed = new Set([from, ...names.map(folderOf)]);
  const forbidden = allFolders.filter((folder) => !allowed.has(folder));
  return {
    name: `layer-${from.replace('/', '-')}`,
    comment: `${from} may import ${names.length === 0 ? 'no other package' : names.join(', ')}.`,
    severity: 'error',
    from: { path: `^${escape(from)}/`, pathNot: '\\.(test|itest|prop\\.test)\\.ts$|/(test|testing)/' },
    to: { path: forbidden.map((folder) => `^${escape(folder)}/`) },
  };
});

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-deep-imports',
      comment: "Another package's files are reached through its exports only.",
      severity: 'error',
      from: { path: '^(libs|apps)/([^/]+)/|^(agent|docker-dev|tests|tools)/' },
      to: {
        path: '^(libs|apps)/[^/]+/src/(?!index\\.ts$)',
        pathNot: [
          '^$1/$2/',
          '^libs/controlplane/src/driver/raft-thread\\.ts$',
          '^libs/controlplane/src/parts\\.ts$',
        ],
      },
    },
    {
      name: 'sim-imports-the-worker-only',
      comment: 'Of the agent a simulation may see the worker, which asks others for everything outside.',
      severity: 'error',
      from: { path: '^libs/sim/' },
      to: { path: '^agent/src/', pathNot: '^agent/src/worker/index\\.ts$' },
    },
    {
      name: 'pure-packages-do-no-io',
      severity: 'error',
      from: {
        path: `^libs/(kernel|model|${pure.join('|')})/src/`,
        pathNot: '\\.(test|prop\\.test)\\.ts$|/testing/',
      },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-dev-dependencies-in-production',
      severity: 'error',
      from: {
        path: '^(libs|apps|agent)/',
        pathNot: '\\.(test|itest|spec|config)\\.tsx?$|/(test|testing)/|/app/|postcss|tools/',
      },
      to: { dependencyTypes: ['npm-dev'], pathNot: ['node_modules/@types/', 'node_modules/typescript/'] },
    },
    {
      name: 'not-to-unresolvable',
      severity: 'error',
      from: { pathNot: 'apps/console/' },
      to: { couldNotResolve: true, pathNot: ['generated'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|out|\\.next|\\.tsbuild|generated|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.json'],
    },
  },
};
