import { join } from 'node:path'
import type { AdminPlace } from '../../admin/admin-listener.ts'
import { instanceOf } from '../../config/instance.ts'
import type { Config } from '../../config/schema.ts'

/**
 * Where the admin API of a Limpet with that configuration listens: where the file says, else on a socket of its instance;
 * undefined if it is off.
 *
 * @param stateDirectory the path of the directory that it keeps its state in
 */
export function adminPlaceOf(config: Config, env: NodeJS.ProcessEnv, stateDirectory: string): AdminPlace | undefined {
  const { admin } = config
  if (admin === 'off') return undefined
  if (admin === undefined) {
    return { socket: join(runtimeDirectory(env, stateDirectory), `admin-${instanceOf(config)}.sock`) }
  }
  return 'socket' in admin ? { socket: admin.socket } : { address: admin.address, port: admin.port }
}

/** The directory for sockets that systemd gives (systemd.exec, RuntimeDirectory=), or the usual one for this user. */
function runtimeDirectory(env: NodeJS.ProcessEnv, stateDirectory: string): string {
  if (env.RUNTIME_DIRECTORY) return env.RUNTIME_DIRECTORY.split(':')[0]!
  if (process.getuid?.() === 0) return '/run/limpet'
  return env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, 'limpet') : stateDirectory
}
