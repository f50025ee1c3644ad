import type { Config } from '../../config/schema.ts'
import type { Log } from '../../observability/log.ts'
import { type DesiredState, desiredState } from './desired-state.ts'
import type { Found } from './found.ts'
import type { OperatorChanges } from './operator-changes.ts'

/** A configuration that an operator gives in place of the file's: YAML or JSON, and its name in messages. */
export interface GivenConfig {
  readonly text: string
  readonly name: string
}

/** Reads the configuration again: that of the file, or the given one, with what flags and variables replace in it. */
export type LoadAgain = (instead?: GivenConfig) => Config

/** What a file says, and what was found, with the operator's changes of earlier runs. Those that are impossible by now are reported. */
export function restored(file: Config, found: Found, changes: OperatorChanges, log: Log): DesiredState {
  const desired = desiredState(file, found, changes)
  for (const conflict of desired.conflicts) log.warn(conflict, { event: 'change-conflict' })
  return desired
}

/** The configuration that an operator has put in place of the file's; the file's if there is none, or it is invalid. */
export function fileInEffect(file: Config, { config }: OperatorChanges, log: Log, load: LoadAgain | undefined): Config {
  if (config === undefined || load === undefined) return file
  try {
    return load({ text: config.text, name: nameOfGiven(config) })
  } catch (error) {
    const { by } = config
    log.warn(`the configuration that ${by} has put in place of the file is invalid by now: ${error}`, {
      event: 'replacement-invalid',
      by,
      cause: (error as Error).message,
    })
    return file
  }
}

/** The name of a configuration that an operator has given, for messages. */
export function nameOfGiven({ by, at }: { readonly by: string; readonly at: number }): string {
  return `configuration of ${by} at ${new Date(at).toISOString()}`
}
