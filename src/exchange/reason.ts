/**
 * Why a request went to the server it went to, or to none. It stands in the access log, the metrics and the dashboard.
 *
 * - `stuck`: its session or its address belongs to this server
 * - `new`: it has none yet, or the policy knows none
 * - `invalid`: the session that it shows is forged, foreign or broken
 * - `expired`: the session that it shows is over
 * - `moved:down`: the server that it belongs to may not serve
 * - `moved:drained`: the server that it belongs to takes no sessions any more, and this one is none that it has
 * - `moved:removed`: the server that it belongs to is no longer in the upstream
 * - `moved:full`: the server that it belongs to has all the connections that it may have
 * - `retry`: a server tried before failed it
 * - `refused:…`: the same as with `moved:…`, where the upstream refuses sessions that have lost their server; never
 *   `drained`, since such a session was never there
 */
export type Reason =
  | 'stuck'
  | 'new'
  | 'invalid'
  | 'expired'
  | 'retry'
  | `moved:${Loss}`
  | `refused:${Exclude<Loss, 'drained'>}`

/** What has become of the server that a session belongs to. */
export type Loss = 'down' | 'drained' | 'removed' | 'full'
