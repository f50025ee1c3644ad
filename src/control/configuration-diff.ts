import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import { printConfig } from '../config/print.ts'
import type { Config } from '../config/schema.ts'

/** A longer difference is not shown, in characters. */
const LONGEST = 64 * 1024
/**
 * How many lines around a change are shown, and how many may differ: the time that this takes grows with the square, to 100 ms of the
 * processor. A limit of time instead would refuse even a small difference on a machine that is busy.
 */
const LIMITS = { context: 3, maxEditLength: 1000 }

/**
 * What differs between a configuration and the one before, as a unified diff without secrets; empty if only files differ that
 * they name, such as certificates. Undefined if it is too large.
 */
export function differenceOf(before: Config, after: Config, generation: number): string | undefined {
  const [from, to] = [before, after].map((config) => printConfig(config, 'The effective configuration', 'hidden'))
  if (from === to) return ''
  const names = [`generation ${generation - 1}`, `generation ${generation}`] as const
  const options = { headerOptions: FILE_HEADERS_ONLY, ...LIMITS }
  const patch = createTwoFilesPatch(...names, from!, to!, undefined, undefined, options)
  return patch !== undefined && patch.length <= LONGEST ? patch : undefined
}
