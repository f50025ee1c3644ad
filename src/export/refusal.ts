import type { Problem } from '../config/error.ts'

/** A problem that refuses to export a configuration. */
export function refusal(path: string, message: string, hint: string): Problem {
  return { where: '', path, message, hint }
}

export function when(condition: boolean, ...problem: Parameters<typeof refusal>): Problem[] {
  return condition ? [refusal(...problem)] : []
}
