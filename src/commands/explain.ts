import { ConfigError } from '../config/error.ts'
import { ListenError } from '../control/listen-error.ts'
import { CommandFailure } from './command-failure.ts'

/** What a command's failure is to a person: a clear sentence for what they can mend, a stack for what only we can. */
export function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  if (error instanceof CommandFailure) return `limpet: ${error.message}`
  if (error instanceof ListenError) return `limpet: ${error.message}`
  if (error instanceof Error && 'syscall' in error) return `limpet: ${error.message}`
  return `limpet: this is a bug in Limpet, please report it.\n${error instanceof Error ? error.stack : String(error)}`
}
