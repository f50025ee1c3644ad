import { z } from 'zod'
import { Duration } from '../field.ts'
import { ServerFields } from '../server.ts'

const { weight, backup, maxFails, failTimeout, maxConnections, slowStart } = ServerFields.shape

/** What an entry `from: …` of an upstream's `servers` may say besides the settings of its source: for all servers that it finds. */
export const everySource = {
  weight: z.exactOptional(weight.unwrap()).describe('The weight of each server that says none itself. Default: 1.'),
  backup: z.exactOptional(backup.unwrap()).describe('Whether its servers are backups. Default: no.'),
  maxFails: z.exactOptional(maxFails.unwrap()).describe('As for a server. Default: 1.'),
  failTimeout: z.exactOptional(failTimeout.unwrap()).describe('As for a server. Default: 10s.'),
  maxConnections: z.exactOptional(maxConnections.unwrap()).describe('As for a server. Default: unlimited.'),
  slowStart: z.exactOptional(slowStart.unwrap()).describe('As for a server. Default: 0s.'),
  returnWithin: z
    .exactOptional(Duration)
    .describe(
      'How long a server that has gone is expected back under its name: its sessions are served elsewhere meanwhile, and stay its own. 0: not at all.',
    ),
}
