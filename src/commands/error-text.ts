import { ConfigError } from '../config/error.ts'
import { ListenError } from '../control/workers/listen-error.ts'
import { CommandFailure } from './command-failure.ts'

/** The error text for the user: a sentence for a problem that they can fix, a stack trace for a bug in Limpet. */
export function errorText(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  if (error instanceof CommandFailure) return `limpet: ${error.message}`
  if (error instanceof ListenError) return `limpet: ${error.message}`
  if (error instanceof Error && 'syscall' in error) return `limpet: ${error.message}`
  return `limpet: this is a bug in Limpet, please report it.\n${error instanceof Error ? error.stack : String(error)}`
}
