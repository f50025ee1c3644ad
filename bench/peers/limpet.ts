import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildOnce, type Checkout, describe } from '../checkout.ts'
import { type Peer, type Setup, V8_WARM_UP } from '../peer.ts'
import type { Launch } from '../program.ts'

/** In µs. Precise enough for a few seconds of load, with little overhead. */
const PROFILE_INTERVAL = 250

/** Limpet as it was when the bench started. */
export const limpet: Peer = {
  name: 'limpet',
  title: 'Limpet',
  forwards: true,
  warmUp: V8_WARM_UP,
  profiles: true,
  version: () => describe([]),
  prepare: (setup) => launchLimpet(setup, setup.limpet),
}

/** The npm package of the same Limpet. */
export const limpetBuilt: Peer = {
  ...limpet,
  name: 'limpet-built',
  title: 'Limpet, built',
  prepare: async (setup) => launchLimpet(setup, await buildOnce(`${setup.limpet}-built`)),
}

/** Limpet at an earlier commit, to see the effect of a change. */
export function limpetBefore({ folder, version }: Checkout): Peer {
  return {
    ...limpet,
    name: `limpet-${version}`,
    listedAs: 'limpet',
    title: `Limpet at ${version}`,
    version: async () => version,
    prepare: (setup) => launchLimpet(setup, folder),
  }
}

async function launchLimpet(setup: Setup, folder: string): Promise<Launch> {
  const config = await writeConfig(setup)
  const program = join(folder, 'bin/limpet.js')
  return {
    command: process.execPath,
    args: [...profileFlags(setup), program, 'run', '-c', config],
    // Its cache of compiled code is removed with the folder of the run.
    env: { NODE_OPTIONS: '', CACHE_DIRECTORY: join(folder, '.cache') },
  }
}

/** Node's flags for a CPU profile with one file per thread; empty without a profile. */
export function profileFlags({ profile }: Setup): string[] {
  if (profile === undefined) return []
  return ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-interval=${PROFILE_INTERVAL}`]
}

/** Writes the setup as a limpet.yaml; resolves to its path. */
export async function writeConfig(setup: Setup): Promise<string> {
  const { folder, port, workers, tls, certificate, trustedProxies, routes, upstreams, accessLog } = setup
  const file = join(folder, 'limpet.yaml')
  const { cert, key } = certificate
  const config = {
    listeners: [{ address: '127.0.0.1', port, ...(tls && { tls: { certificates: [{ cert, key }] } }) }],
    workers,
    ...(trustedProxies !== undefined && { trustedProxies }),
    routes,
    // Left out if unused: an early Limpet without sessions does not know this key.
    ...(upstreams.some(({ affinity }) => affinity !== undefined) && { stateDirectory: join(folder, 'state') }),
    upstreams: Object.fromEntries(upstreams.map(({ name, ...upstream }) => [name, upstream])),
    accessLog: { format: 'combined', file: accessLog },
  }
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config))
  return file
}
