/** What a route does with a path: serves it or, where `redirect` is there, sends the client to that. */
interface RoutePath {
  readonly path: string
  /** A path as it stands in a Location field: percent-encoded. */
  readonly redirect?: string
}

/** The paths of a route, and beside each `/app/*` a redirect from `/app` to `/app/`, as nginx's `location /app/` has it. */
export function withFolderRedirects(paths: readonly string[]): RoutePath[] {
  return paths.flatMap((path) => {
    if (path === '/*' || !path.endsWith('/*')) return [{ path }]
    return [{ path }, { path: path.slice(0, -2), redirect: encodeURI(path.slice(0, -1)) }]
  })
}
