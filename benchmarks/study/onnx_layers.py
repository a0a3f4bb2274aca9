"""Inner layers of a network in the ONNX format, averaged over positions."""

import numpy as np

__all__ = ["OnnxLayers"]

# What these read is what a layer hands on, after its nonlinearity.
_READERS = {"Conv", "DynamicQuantizeLinear", "Gemm", "LSTM", "MatMul"}
_WIDEST = 1024


class OnnxLayers:
    """A network whose inner tensors can be asked for.

    Parameters
    ----------
    path : Path
        The file.
    n_layers : int
        How many inner layers to keep, evenly from the first to the last.
    example : dict of str to ndarray
        An input, by which tensors without positions or of too many channels are told.
    one_by_one : bool
        The network takes one input at a time.
    channels : {"last", "first"}
        Which axis of a tensor of rank three has the channels: the last, or the second.
    readers : set of str
        Operations whose inputs are layers.
    """

    def __init__(
        self, path, n_layers, example, *, one_by_one=False, channels="last", readers=_READERS
    ):
        import onnx

        self.one_by_one = one_by_one
        self.channels = channels
        model = onnx.load(str(path))
        fixed = {tensor.name for tensor in model.graph.initializer}
        fixed |= {
            name for node in model.graph.node if node.op_type == "Constant" for name in node.output
        }
        entries = {entry.name for entry in model.graph.input}
        given = {entry.name for entry in model.graph.output}
        names = []
        for node in model.graph.node:
            name = node.input[0] if node.input else ""
            if node.op_type in readers and name not in fixed | entries | given | set(names):
                names.append(name)
        self.output = model.graph.output[0].name
        for name in names:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
        session = _session(model)
        found = dict(zip(names, session.run(names, example), strict=True))
        names = [name for name in names if self._serves(found[name])]
        last = len(names) - 1
        kept = sorted({round(place) for place in np.linspace(min(2, last), last, n_layers)})
        self.names = [names[place] for place in kept]
        self.session = session

    def _serves(self, tensor):
        if tensor.dtype != np.float32:
            return False
        if tensor.ndim == 4:
            return 8 <= tensor.shape[1] <= _WIDEST and tensor.shape[2] * tensor.shape[3] > 1
        if tensor.ndim == 3 and self.channels == "first":
            return 8 <= tensor.shape[1] <= _WIDEST
        return tensor.ndim in (2, 3) and 8 <= tensor.shape[-1] <= _WIDEST

    def __call__(self, inputs):
        """Return the layers' averages and the averaged output.

        Parameters
        ----------
        inputs : iterable of dict of str to ndarray
            Batches, or single inputs.

        Returns
        -------
        list of ndarray
            One for each layer, and the network's output at the end.
        """
        rows = [[] for _ in range(len(self.names) + 1)]
        for batch in inputs:
            tensors = self.session.run([*self.names, self.output], batch)
            for kept, tensor in zip(rows, tensors, strict=True):
                kept.append(self._average(tensor))
        return [np.concatenate(kept).astype(np.float32) for kept in rows]

    def _average(self, tensor):
        if tensor.ndim == 4:
            averages = tensor.mean(axis=(2, 3))
        elif tensor.ndim == 3 and self.channels == "first":
            averages = tensor.mean(axis=2)
        elif tensor.ndim == 3 and not self.one_by_one:
            averages = tensor.mean(axis=1)
        else:
            averages = tensor.reshape(-1, tensor.shape[-1])
        # Of one input all rows are positions, whatever the order of the axes.
        return averages.mean(axis=0, keepdims=True) if self.one_by_one else averages


def _session(model):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Fusing nodes would do away with some of the tensors that are asked for.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
