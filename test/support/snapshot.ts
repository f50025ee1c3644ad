import { dirname } from 'node:path'
import type { TestContext } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import { compile } from '../../src/control/compile.ts'
import { SlotBook } from '../../src/control/slots/slot-book.ts'
import { TlsStore } from '../../src/control/tls/tls-store.ts'
import type { Snapshot } from '../../src/runtime/snapshot.ts'
import { configFile } from './limpet.ts'

/** By the name of an upstream: the time of day at which its pause ends, in ms. */
export type Pauses = Readonly<Record<string, number>>

/**
 * The Snapshot of a configuration, as the control plane makes it of a file.
 *
 * @param pauses until when an operator has paused upstreams, by their names
 */
export async function snapshotOf(test: TestContext, config: unknown, pauses: Pauses = {}): Promise<Snapshot> {
  const file = await configFile(test, config)
  const { config: loaded } = loadConfig({ file, env: {}, cwd: dirname(file) })
  const material = new TlsStore(() => {}).materialFor(loaded)
  const secret = () => 'a secret of at least thirty-two characters'
  return compile(paused(loaded, pauses), 1, new SlotBook(), secret, material)
}

function paused(config: Config, pauses: Pauses): Config {
  const upstreams = config.upstreams.map((upstream) => {
    const until = pauses[upstream.name]
    return until === undefined ? upstream : { ...upstream, pause: { until } }
  })
  return { ...config, upstreams }
}
