import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Peer, Setup } from '../peer.ts'
import type { Launch } from '../program.ts'

const program = fileURLToPath(new URL('../../bin/limpet.js', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Fine enough for a few seconds of load, and hardly felt. In µs. */
const PROFILE_INTERVAL = 250

export const limpet: Peer = {
  name: 'limpet',
  title: 'Limpet',
  forwards: true,
  profiles: true,
  version: commit,
  async prepare(setup: Setup): Promise<Launch> {
    const config = await writeConfig(setup)
    return {
      command: process.execPath,
      args: [...profileFlags(setup), program, 'run', '-c', config],
      env: { NODE_OPTIONS: '' },
    }
  },
}

/** The flags of Node for a CPU profile, a file for each thread, or none. */
export function profileFlags({ profile }: Setup): string[] {
  if (profile === undefined) return []
  return ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-interval=${PROFILE_INTERVAL}`]
}

/** Writes the setup as a limpet.yaml; resolves to its path. */
export async function writeConfig({ folder, port, workers, routes, upstreams, accessLog }: Setup): Promise<string> {
  const file = join(folder, 'limpet.yaml')
  const config = {
    listeners: [{ address: '127.0.0.1', port }],
    workers,
    routes,
    upstreams: Object.fromEntries(upstreams.map(({ name, balance, servers }) => [name, { balance, servers }])),
    accessLog: { format: 'combined', file: accessLog },
  }
  await writeFile(file, JSON.stringify(config))
  return file
}

/** Limpet is measured as it stands in the checkout, so its version is the commit. */
async function commit(): Promise<string> {
  try {
    const describe = ['--no-optional-locks', '-C', root, 'describe', '--always', '--dirty=, changed']
    const { stdout } = await promisify(execFile)('git', describe)
    return stdout.trim()
  } catch {
    return 'of an unknown commit'
  }
}
