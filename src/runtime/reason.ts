/**
 * Why a request went to its server, or to none. It is in the access log, the metrics and the dashboard.
 *
 * - `stuck`: its session or its address belongs to this server
 * - `new`: it has no session yet, or the policy ties it to no server; it may have followed another request of a new user
 * - `invalid`: its session is forged, broken, or not from this Limpet
 * - `expired`: its session is over
 * - `moved:down`: its server may not serve
 * - `moved:drained`: its server drains, and this session was not on it, or may no longer stay there
 * - `moved:removed`: its server is no longer in the upstream
 * - `moved:full`: its server has as many connections as it may
 * - `moved:backup`: its server is a backup, and another may serve again
 * - `moved:rebalanced`: its server has more sessions than its share, and gave this one to a server that has fewer
 * - `away`: its server is expected back; the session stays its own
 * - `retry`: a server that was tried before failed
 * - `refused:…`: as with `moved:…`, but sessions that have lost their server are refused. `refused:drained` is only for
 *   sessions that were on the server
 */
export type Reason = (typeof reasons)[number]

/** Why a session's server cannot serve it. */
export type Loss = 'down' | 'away' | 'drained' | 'removed' | 'full'

/** All of them: their indices say where they are counted. */
export const reasons = [
  'stuck',
  'new',
  'invalid',
  'expired',
  'away',
  'retry',
  'moved:down',
  'moved:drained',
  'moved:removed',
  'moved:full',
  'moved:backup',
  'moved:rebalanced',
  'refused:down',
  'refused:away',
  'refused:drained',
  'refused:removed',
  'refused:full',
] as const
