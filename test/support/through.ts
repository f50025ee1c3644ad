import type { TestContext } from 'node:test'
import { type Limpet, startLimpet } from './limpet.ts'
import { RawClient } from './raw-client.ts'
import { ScriptedOrigin } from './scripted-origin.ts'

interface Through {
  readonly limpet: Limpet
  readonly origin: ScriptedOrigin
  readonly client: RawClient
}

/**
 * A raw client, Limpet, and a scripted server behind it. The configuration is the smallest one:
 *
 *     listeners: [{ address: 127.0.0.1, port: 0 }]
 *     workers: 1
 *     routes: [{ path: /*, upstream: only }]
 *     upstreams: { only: { servers: [THE SCRIPTED SERVER] } }
 *
 * @param settings replace those of the whole configuration
 * @param upstream settings of the upstream
 */
export async function throughTo(test: TestContext, settings: object = {}, upstream: object = {}): Promise<Through> {
  const origin = await ScriptedOrigin.start(test)
  const limpet = await startLimpet(test, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    workers: 1,
    routes: [{ path: '/*', upstream: 'only' }],
    upstreams: { only: { servers: [origin.address], ...upstream } },
    ...settings,
  })
  return { limpet, origin, client: await RawClient.connect(test, limpet.port) }
}
