import common from './common.json';
import deploy from './deploy.json';
import history from './history.json';
import join from './join.json';
import logs from './logs.json';
import me from './me.json';
import networks from './networks.json';
import nodes from './nodes.json';
import overview from './overview.json';
import palette from './palette.json';
import payloads from './payloads.json';
import plan from './plan.json';
import problems from './problems.json';
import service from './service.json';
import services from './services.json';
import session from './session.json';
import shell from './shell.json';
import stackEditor from './stackEditor.json';
import stacks from './stacks.json';
import states from './states.json';
import task from './task.json';
import tasks from './tasks.json';
import terminal from './terminal.json';
import tokens from './tokens.json';
import versions from './versions.json';
import why from './why.json';

/** The whole catalogue of one language, by area. */
export const messages = {
  common,
  deploy,
  history,
  join,
  logs,
  me,
  networks,
  nodes,
  overview,
  palette,
  payloads,
  plan,
  problems,
  service,
  services,
  session,
  shell,
  stackEditor,
  stacks,
  states,
  task,
  tasks,
  terminal,
  tokens,
  versions,
  why,
};
