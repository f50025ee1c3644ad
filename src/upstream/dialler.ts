import type { ServerState } from '../balancing/server-state.ts'
import type { ConnectionNeed, ServerStream, ServerStreamUser } from '../exchange/server-stream.ts'
import type { ClientOrigin } from '../forwarding/client-origin.ts'
import type { Http2Pool } from './http2-pool.ts'
import type { ServerSocket } from './server-socket.ts'
import type { SharedConnection } from './shared-connection.ts'

/** Opens connections to servers. */
export interface Dialler {
  /** Whether servers may be spoken to by HTTP/1.1 as well. */
  readonly mayUseHttp1: boolean
  connectHttp2(server: ServerState, origin: ClientOrigin, pool: Http2Pool): SharedConnection
  /** @param socket an open connection to use; undefined: one is opened, or taken from the idle ones */
  openHttp1(
    server: ServerState,
    origin: ClientOrigin,
    need: ConnectionNeed,
    user: ServerStreamUser,
    socket?: ServerSocket,
  ): ServerStream
}
