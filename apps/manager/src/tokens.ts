/** Injection tokens of what is made outside of Nest. */
export const CONTROL_PLANE = Symbol('ControlPlane');
export const CONFIG = Symbol('ManagerConfig');
export const CLOCK = Symbol('Clock');
export const LOGGER = Symbol('Logger');
export const RANDOM_BYTES = Symbol('RandomBytes');
export const DATABASE = Symbol('Database');
export const PROJECTOR = Symbol('Projector');
export const CONSOLE_BUILD = Symbol('ConsoleBuild');
