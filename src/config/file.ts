import { readFileSync, statSync } from 'node:fs'
import { getSystemErrorMessage } from 'node:util'
import { asList, asMapping } from './as-written.ts'
import { Document } from './document.ts'
import { ConfigError, type Problem } from './error.ts'
import type { KeyPath } from './key-path.ts'
import { resolve } from './resolve.ts'
import type { Config } from './schema.ts'
import type { Issue } from './validate.ts'

/** The Config of a file, and the places of its values, for problems that are found later. */
export interface ConfigFile {
  readonly config: Config
  /** The issues with the Config as problems, each with its `file:line:column`. */
  problems(issues: readonly Issue[]): Problem[]
}

/**
 * Reads a configuration file. `name` is the name of the file in messages; `env` has the values of `${NAME}`.
 * Throws ConfigError with all problems.
 */
export function openConfigFile(path: string, name: string, env: NodeJS.ProcessEnv): ConfigFile {
  return configFileOf(new Document(name, readText(path, name), env))
}

/** The Config that a file describes. Throws ConfigError. */
export function readConfigFile(path: string, name: string, env: NodeJS.ProcessEnv): Config {
  return openConfigFile(path, name, env).config
}

/** The same for a YAML text. */
export function openConfigText(text: string, name: string, env: NodeJS.ProcessEnv): ConfigFile {
  return configFileOf(new Document(name, text, env))
}

/** The Config that a YAML text describes. Throws ConfigError. */
export function parseConfig(text: string, name: string, env: NodeJS.ProcessEnv): Config {
  return openConfigText(text, name, env).config
}

function configFileOf(document: Document): ConfigFile {
  const outcome = document.value === undefined ? { issues: [] } : resolve(document.value, document.expanded)
  const problems = document.problems('issues' in outcome ? outcome.issues : [])
  if ('issues' in outcome || problems.length > 0) throw new ConfigError(problems)
  const inFile = (issue: Issue) => ({ ...issue, path: pathInFile(issue.path, document.value) })
  return { config: outcome.value, problems: (issues) => document.problems(issues.map(inFile)) }
}

/** The path in the file of a path in the Config, where an upstream's servers are without the sources that the file has among them. */
function pathInFile(path: KeyPath, file: unknown): KeyPath {
  const [top, upstream, key, index, ...below] = path
  if (top !== 'upstreams' || key !== 'servers' || typeof index !== 'number') return path
  const entries = asList(asMapping(asMapping(asMapping(file).upstreams)[String(upstream)]).servers)
  const servers = entries.flatMap((entry, at) => ('from' in asMapping(entry) ? [] : [at]))
  return [top, upstream!, key, servers[index] ?? index, ...below]
}

function readText(path: string, name: string): string {
  const bytes = readBytes(path, name)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw unreadable(name, 'expected UTF-8 text, found other bytes', 'save the file as UTF-8')
  }
}

function readBytes(path: string, name: string): Buffer {
  try {
    const file = statSync(path)
    if (file.isFile() || file.isFIFO()) return readFileSync(path)
    throw unreadable(name, `expected a file, found a ${file.isDirectory() ? 'directory' : 'device or socket'}`)
  } catch (error) {
    throw error instanceof ConfigError ? error : unreadable(name, `cannot be read: ${reasonOf(error)}`)
  }
}

function reasonOf(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException
  return errno === undefined ? message : getSystemErrorMessage(errno)
}

function unreadable(name: string, message: string, hint?: string): ConfigError {
  return new ConfigError([{ where: name, path: '', message, hint }])
}
