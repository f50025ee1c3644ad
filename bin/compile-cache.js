// Plain JavaScript, like limpet.js.
import { existsSync, lstatSync, mkdirSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

/**
 * Lets Node cache compiled code, also of threads and child processes, for a faster next start. Anyone who can write to the
 * cache can run code in this process, so it must be a private directory of the user; without one, there is no cache.
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
    // Without the cache, only the start is slower.
  }
}

/** The directory set by systemd (systemd.exec, CacheDirectory=), or the usual cache directory of the user. */
function cacheDirectory(env) {
  if (env.CACHE_DIRECTORY) return env.CACHE_DIRECTORY.split(':')[0]
  if (process.getuid?.() === 0) return '/var/cache'
  return env.XDG_CACHE_HOME || join(homedir(), '.cache')
}

/** Whether the path is a directory (not a link) that belongs to this user and that no other user can access. */
function isPrivate(path) {
  const { mode, uid } = lstatSync(path)
  const isDirectory = (mode & 0o170000) === 0o040000
  return isDirectory && (process.getuid === undefined || (uid === process.getuid() && (mode & 0o077) === 0))
}
