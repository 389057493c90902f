export {
  ASSIGNMENT_KINDS,
  AssignmentChange,
  Assignments,
  WirePayload,
  type AssignmentKind,
} from './assignments.ts';
export { ErrorRecordSchema } from './error-record.ts';
export { FRAME_BYTES_MAX, decodeFrame, encodeFrame } from './frame.ts';
export { CertificateAnswer, CertificateRequest } from './join.ts';
export { WireEndpoint, WireNetwork, WirePeer, WireService } from './network-state.ts';
export {
  AgentMessage,
  LogLine,
  ManagerAddress,
  ManagerMessage,
  SESSION_PROTOCOL_VERSION,
  StreamOpen,
  StreamPart,
  TaskStats,
} from './session.ts';
