/** A balancer in this process, and a source of servers that says of them what a test has it say. */
import type { TestContext } from 'node:test'
import { parseConfig } from '../../src/config/file.ts'
import type { Server } from '../../src/config/server.ts'
import { temporaryFolder } from '../support/folder.ts'
import { WatchedBalancer } from './applied/watched-balancer.ts'

/** What a source says of a server; what it does not say is as in the file. */
export type Said = Partial<Pick<Server, 'away' | 'returns' | 'ending' | 'drain' | 'down'>> & {
  readonly address?: string
}

/** Starts a balancer for one upstream, of whose servers a source can then say other things. */
export async function startWithSource(t: TestContext, upstream: object, servers: readonly { readonly name: string }[]) {
  const folder = await temporaryFolder(t)
  const configOf = (said: Readonly<Record<string, Said>>) => {
    const written = servers.map((server) => {
      const { address } = said[server.name] ?? {}
      return address === undefined ? server : { ...server, address }
    })
    const file = {
      listeners: [{ address: '127.0.0.1', port: 0 }],
      workers: 2,
      admin: { port: 0 },
      stateDirectory: folder,
      accessLog: { format: 'json', file: `${folder}/access.log` },
      routes: [{ path: '/*', upstream: 'app' }],
      upstreams: { app: { ...upstream, servers: written } },
    }
    const config = parseConfig(JSON.stringify(file), 'limpet.yaml', {})
    for (const server of config.upstreams[0]!.servers) {
      const { address: _, ...state } = said[server.name] ?? {}
      Object.assign(server, state)
    }
    return config
  }
  const watched = await WatchedBalancer.start(t, configOf({}))
  return {
    watched,
    port: watched.port,
    /** The source says that, and nothing of the others. */
    says: (said: Readonly<Record<string, Said>>) => watched.balancer.apply(configOf(said)),
    /** Resolves to the reasons of the requests for that path; stops the balancer. */
    reasons: async (path: string) => {
      const lines = await watched.accessLog(`${folder}/access.log`)
      return lines.filter((line) => line.path === path).map(({ reason }) => reason)
    },
  }
}

export const AWAY = { away: true, returns: true } as const
