import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { instanceOf } from '../config/instance.ts'
import type { Config } from '../config/schema.ts'
import { makeDirectory } from './state-directory.ts'

/** How long another Limpet may take to send its process id, in ms. */
const PATIENCE = 1000

/**
 * Shows other Limpets on this machine that the state directory is in use under an instance name: a Unix socket in it,
 * on which the process listens and sends its id. The socket of a dead process refuses connections, so that no stored
 * process id is needed, which might by now be another process's, or one in another container.
 */
export class InstanceLock {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Undefined if another Limpet holds it, or no socket can be created in the directory. */
  static async take(config: Config, directory: string): Promise<InstanceLock | undefined> {
    const path = pathOf(config, directory)
    try {
      makeDirectory(dirname(path))
      return new InstanceLock(await listen(path))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || (await holderOf(path)) !== undefined)
        return undefined
    }
    // Its process has died.
    rmSync(path, { force: true })
    return listen(path).then(
      (server) => new InstanceLock(server),
      () => undefined,
    )
  }

  release(): void {
    this.#server.close()
  }
}

/** A warning if another Limpet uses the state directory under the same instance name; undefined if none does. */
export async function warningOfAnother(config: Config, directory: string): Promise<string | undefined> {
  const holder = await holderOf(pathOf(config, directory))
  if (holder === undefined) return undefined
  return (
    `another Limpet (${holder}) uses the state directory ${directory} under the same instance, ${instanceOf(config)}; ` +
    'unless this one is to replace it, give one of the two another instance (--instance)'
  )
}

function pathOf(config: Config, directory: string): string {
  return join(directory, `instance-${instanceOf(config)}.sock`)
}

async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(String(process.pid))
  })
  server.listen(path)
  await once(server, 'listening')
  return server.unref()
}

/** The process that listens there, in words; undefined for none. */
function holderOf(path: string): Promise<string | undefined> {
  const socket = connect(path)
  return new Promise<string | undefined>((resolve) => {
    socket.once('error', () => resolve(undefined))
    socket.once('data', (bytes) => resolve(`process ${bytes.toString('latin1', 0, 20)}`))
    socket.once('end', () => resolve('a process that says nothing'))
    socket.setTimeout(PATIENCE, () => resolve('a process that says nothing'))
  }).finally(() => socket.destroy())
}
