/**
 * Why a request went to the server it went to. It stands in the access log, the metrics and the dashboard.
 *
 * - `stuck`: its session or its address belongs to this server
 * - `new`: it has none yet, or the policy knows none
 * - `moved:down`: the server that it belongs to may not serve
 * - `moved:full`: the server that it belongs to has all the connections that it may have
 * - `retry`: a server tried before failed it
 */
export type Reason = 'stuck' | 'new' | 'moved:down' | 'moved:full' | 'retry'
