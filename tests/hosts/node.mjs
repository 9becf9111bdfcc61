// A JavaScript program with node-llama-cpp, on this machine or on the remote devices in GGML_RPC_SERVERS.
// Usage: node node.mjs MODEL text          prints the devices and a greedy text
//        node node.mjs MODEL lost PID      the same, then ends the server PID: text after that is an error
import {getLlama, LlamaCompletion} from "node-llama-cpp";

const [modelPath, what, server] = process.argv.slice(2);
const remote = process.env.GGML_RPC_SERVERS !== undefined;
const llama = await getLlama({gpu: false, build: "never", maxThreads: 1});
console.log("devices: " + (await llama.getGpuDeviceNames()).join(", "));
const model = await llama.loadModel({modelPath, gpuLayers: remote ? "max" : 0});
const context = await model.createContext({contextSize: 256, batchSize: 64, threads: 1});
const completion = new LlamaCompletion({contextSequence: context.getSequence()});
const generate = (prompt) => completion.generateCompletion(prompt, {maxTokens: 32, temperature: 0});
console.log("layers: " + model.gpuLayers);
console.log("text: " + JSON.stringify(await generate("In the beginning")));

if (what === "lost") {
	process.kill(Number(server), "SIGKILL");
	try {
		// The worker of this program ends a moment after the server.
		for (let i = 0; i < 100; i++) {
			await generate("And it came to pass");
			await new Promise((done) => setTimeout(done, 50));
		}
		process.exit(1);
	} catch (error) {
		console.log("error: " + error.message);
	}
}
await llama.dispose();
