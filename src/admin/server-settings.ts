import { z } from '@hono/zod-openapi'

const DurationText = z.union([z.string(), z.literal(0)]).openapi({ type: 'string', example: '10s' })

/** A server's settings, in the notation of `limpet.yaml`; configuration.md describes them. What is not there has its default. */
export const ServerSettings = z
  .strictObject({
    name: z.string().optional().openapi({ description: 'What logs, the API and the command line show.' }),
    address: z.string().openapi({ example: '10.0.0.9:3000' }),
    admin: z.enum(['ready', 'drain', 'maintenance']).optional().openapi({
      description: 'In place of drain and down. drain here has no deadline; PUT …/drain starts one that has.',
    }),
    weight: z.int().optional(),
    backup: z.boolean().optional(),
    down: z.boolean().optional(),
    drain: z.boolean().optional(),
    maxFails: z.int().optional(),
    failTimeout: DurationText.optional(),
    maxConnections: z.union([z.int(), z.literal('unlimited')]).optional(),
    slowStart: DurationText.optional(),
  })
  .openapi('ServerSettings')

export type ServerSettings = z.output<typeof ServerSettings>

/** A change of some of them. */
export const ServerChange = ServerSettings.partial().openapi('ServerChange')

export type ServerChange = z.output<typeof ServerChange>
