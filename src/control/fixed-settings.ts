import { availableParallelism } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { ConfigError } from '../config/error.ts'
import { instanceOf } from '../config/instance.ts'
import type { Config } from '../config/schema.ts'
import { MAX_WORKERS } from '../runtime/bounds.ts'

/** Settings that only a restart can change: by key, the effective value. */
const fixedSettings: Readonly<Record<string, (config: Config) => unknown>> = {
  instance: instanceOf,
  stateDirectory: ({ stateDirectory }) => stateDirectory,
  admin: ({ admin }) => admin,
  metrics: ({ metrics }) => metrics,
  log: ({ log }) => log,
}

/** The number of workers to run. */
export function workersOf({ workers }: Config): number {
  return workers ?? Math.min(availableParallelism(), MAX_WORKERS)
}

/** @throws ConfigError if the next configuration changes what only a restart can */
export function assertSameFixedSettings(current: Config, next: Config): void {
  const changed = Object.entries(fixedSettings).filter(([, of]) => !isDeepStrictEqual(of(current), of(next)))
  if (changed.length === 0) return
  const message = 'cannot change while Limpet is running'
  const hint = 'restart Limpet, or restore the previous value'
  throw new ConfigError(changed.map(([path]) => ({ where: '', path, message, hint })))
}
