// Plain JavaScript, as limpet.js is.
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/**
 * Has Node keep the code that it compiles, of threads and child processes too, so that the next start finds it ready.
 * Whoever can write there can run code here, so it is a directory of the user's own, or none: then every start compiles.
 */
export function keepCompiledCode() {
  const { env } = process
  if (env.NODE_COMPILE_CACHE || env.NODE_DISABLE_COMPILE_CACHE) return
  try {
    const directory = join(cacheDirectory(env), 'limpet')
    for (const path of [dirname(directory), directory]) if (!existsSync(path)) mkdirSync(path, { mode: 0o700 })
    if (!isPrivate(directory)) return
    module.enableCompileCache(directory)
    env.NODE_COMPILE_CACHE = directory
  } catch {
    // Nothing depends on it.
  }
}

/** Where systemd says (systemd.exec, CacheDirectory=), or where its kind of user keeps such things. */
function cacheDirectory(env) {
  if (env.CACHE_DIRECTORY) return env.CACHE_DIRECTORY.split(':')[0]
  if (process.getuid?.() === 0) return '/var/cache'
  return env.XDG_CACHE_HOME || join(homedir(), '.cache')
}

/** Whether it is a directory, and no link to one, that belongs to this user and that nobody else may enter. */
function isPrivate(path) {
  const { mode, uid } = lstatSync(path)
  const isDirectory = (mode & 0o170000) === 0o040000
  return isDirectory && (process.getuid === undefined || (uid === process.getuid() && (mode & 0o077) === 0))
}
