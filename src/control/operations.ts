import { OperationRefused } from '../admin/operation-refused.ts'
import type { Operations, ServerResource } from '../admin/operations.ts'
import type { ServerSettings } from '../admin/server-settings.ts'
import { printConfig } from '../config/print.ts'
import { type Config, Server } from '../config/schema.ts'

/** The operations of a balancer that cannot change yet: it shows its configuration, and refuses everything else. */
export function operationsOf(current: () => { readonly config: Config; readonly generation: number }): Operations {
  const refuse = async () => {
    throw new OperationRefused('failed', 'this cannot be changed at run time yet; change the file, and restart Limpet')
  }
  return {
    get revision() {
      return String(current().generation)
    },
    config: () => printConfig(current().config, 'The effective configuration', 'hidden'),
    drift: () => [],
    server(upstream, name): ServerResource | undefined {
      const { upstreams } = current().config
      const server = upstreams.find((one) => one.name === upstream)?.servers.find((one) => one.name === name)
      return server && { id: name, settings: Server.encode(server) as ServerSettings }
    },
    drains: () => [],
    pauseOf: () => undefined,
    reload: refuse,
    putConfig: refuse,
    changeServer: refuse,
    putServer: refuse,
    removeServer: refuse,
    reset: refuse,
    drain: refuse,
    undrain: refuse,
    pause: refuse,
    resume: refuse,
    plan: refuse,
    explain() {
      throw new OperationRefused('failed', 'this cannot be explained yet')
    },
    upgrade: refuse,
  }
}
