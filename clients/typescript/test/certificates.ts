import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Makes an authority in a directory, and a certificate of it with this name, for this use and so many days. */
export async function certify(
  directory: string,
  name: string,
  subjectAltName: string,
  use: string,
  days = 30,
): Promise<void> {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    `${name}-ca.key`,
    "-out",
    `${name}-ca.crt`,
    "-subj",
    `/CN=${name} authority`,
  );
  openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
  const extensions = `subjectAltName=${subjectAltName}\nextendedKeyUsage=${use}\nbasicConstraints=CA:FALSE\n`;
  await writeFile(join(directory, `${name}.ext`), extensions);
  const authority = ["-CA", `${name}-ca.crt`, "-CAkey", `${name}-ca.key`, "-CAcreateserial"];
  const certificate = ["-out", `${name}.crt`, "-extfile", `${name}.ext`, "-days", String(days)];
  openssl("x509", "-req", "-in", `${name}.csr`, ...authority, ...certificate);
}
