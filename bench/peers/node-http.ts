import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Peer, V8_WARM_UP } from '../peer.ts'
import { profileFlags } from './limpet.ts'

const program = fileURLToPath(new URL('node-http-proxy.ts', import.meta.url))

/** The usual way in JavaScript: http-proxy-3, the maintained successor of http-proxy, on node:http. */
export const nodeHttp: Peer = {
  name: 'node-http',
  title: 'http-proxy-3 on node:http',
  forwards: true,
  warmUp: V8_WARM_UP,
  profiles: true,
  async version() {
    try {
      const manifest = createRequire(import.meta.url)('http-proxy-3/package.json') as { version: string }
      return manifest.version
    } catch {
      return undefined
    }
  },
  async prepare(setup) {
    const file = join(setup.folder, 'setup.json')
    await writeFile(file, JSON.stringify(setup))
    return { command: process.execPath, args: [...profileFlags(setup), program, file], env: { NODE_OPTIONS: '' } }
  },
}
