import fs from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { type Address, homeFile, isSocket, type Server } from "./address.ts";

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const YES = "S".charCodeAt(0);

/**
 * A connection to a server, encrypted as `sslmode` wants it (libpq's meaning): what `postgres` does not do is refuse a
 * server without encryption, read root.crt, or end when nobody answers.
 * @throws Error in a person's words after `ms` milliseconds at the latest.
 */
export async function dial(address: Address, server: Server, ms: number): Promise<net.Socket> {
  const deadline = performance.now() + ms;
  const plain = await connect(server, ms);
  if (address.sslmode === "disable" || isSocket(server.host)) return plain;
  try {
    const left = () => Math.max(1, deadline - performance.now());
    const isOffered = await offersEncryption(plain, left());
    if (isOffered) return await encrypt(plain, address, server, left());
    if (address.sslmode === "prefer" || address.sslmode === "allow") return plain;
    throw new Error(`the server has no encryption, and sslmode is ${address.sslmode}`);
  } catch (error) {
    plain.destroy();
    throw error;
  }
}

function connect({ host, port }: Server, ms: number): Promise<net.Socket> {
  const isLocal = isSocket(host);
  const place = isLocal ? { path: `${host.replace(/^@/, "\0")}/.s.PGSQL.${port}` } : { host, port };
  const socket = net.connect(place);
  if (!isLocal) socket.setNoDelay(true);
  return settled(socket, ms, "nobody took the connection", (resolve) => socket.once("connect", () => resolve(socket)));
}

function offersEncryption(socket: net.Socket, ms: number): Promise<boolean> {
  return settled(socket, ms, "the server took the connection, and did not answer", (resolve, reject) => {
    socket.once("data", (answer: Buffer) => {
      if (answer.length === 1) resolve(answer[0] === YES);
      // More than the one byte was put there by somebody in between (CVE-2021-23222).
      else reject(new Error("what answers there is no PostgreSQL server"));
    });
    socket.once("close", () => reject(new Error("the server closed the connection")));
    socket.write(SSL_REQUEST);
  });
}

function encrypt(plain: net.Socket, address: Address, { host }: Server, ms: number): Promise<net.Socket> {
  plain.removeAllListeners();
  const socket = tls.connect({
    socket: plain,
    ...(net.isIP(host) ? {} : { servername: host }),
    ...trustOf(address, host),
  });
  return settled(socket, ms, "no encryption was agreed upon", (resolve) =>
    socket.once("secureConnect", () => resolve(socket)),
  );
}

/** Whom to believe, by `sslmode`; libpq checks the chain with `require` as well where there is a root.crt. */
function trustOf(address: Address, host: string): tls.ConnectionOptions {
  const { sslmode, sslrootcert, sslcert, sslkey } = address;
  const root = sslrootcert ?? homeFile("root.crt");
  const hasRoot = sslrootcert === "system" || fs.existsSync(root);
  const isChecked = sslmode.startsWith("verify") || (sslmode === "require" && hasRoot);
  if (isChecked && !hasRoot)
    throw new Error(
      `sslmode is ${sslmode}, and the root certificate ${root} is not there (sslrootcert=system: the system's own)`,
    );
  const isNameChecked = sslmode === "verify-full" || sslrootcert === "system";
  const [cert, key] = [sslcert ?? homeFile("postgresql.crt"), sslkey ?? homeFile("postgresql.key")];
  return {
    rejectUnauthorized: isChecked,
    ...(isChecked && root !== "system" ? { ca: fs.readFileSync(root) } : {}),
    checkServerIdentity: (_, certificate) =>
      isChecked && isNameChecked ? tls.checkServerIdentity(host, certificate) : undefined,
    ...(fs.existsSync(cert) && fs.existsSync(key) ? { cert: fs.readFileSync(cert), key: fs.readFileSync(key) } : {}),
  };
}

/** What `begin` resolves to; an error of the socket or too long a silence ends it. */
async function settled<T>(
  socket: net.Socket,
  ms: number,
  silence: string,
  begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  // An error that comes when nobody listens any more would end the process.
  socket.on("error", () => {});
  try {
    return await new Promise<T>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`${silence} within ${(ms / 1000).toFixed(1)} s`)), ms);
      socket.once("error", reject);
      begin(resolve, reject);
    });
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
